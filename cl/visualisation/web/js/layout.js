// The electrodes: channel = row + 8 · column.

export const SIDE = 8;
export const CHANNELS = 64;
export const rowOf = (channel) => channel % SIDE;
export const columnOf = (channel) => Math.floor(channel / SIDE);
export const channelAt = (row, column) => row + SIDE * column;

/** The channel one step away, staying on the array. */
export function neighbour(channel, down, right) {
  const row = Math.min(SIDE - 1, Math.max(0, rowOf(channel) + down));
  const column = Math.min(SIDE - 1, Math.max(0, columnOf(channel) + right));
  return channelAt(row, column);
}
