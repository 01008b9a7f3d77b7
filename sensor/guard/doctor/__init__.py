"""What may be wrong between a plant's mirror port and the sensor, looked for without changing anything."""
