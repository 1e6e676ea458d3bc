"""Programs tell the simulator from a device by "sdk" in its name."""

import cl

attributes = cl.get_system_attributes()
print("sdk" in attributes["system_id"], attributes["system_id"], attributes["plugin"])
print(sorted(attributes))
print(cl.is_simulator())

# prints:
#   True cl1-sdk-000 {}
#   ['cell_batch_id', 'chip_id', 'hostname', 'plugin', 'project_id', 'system_id']
#   True
