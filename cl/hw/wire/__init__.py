"""The card's wire: its registers, rings and messages."""
