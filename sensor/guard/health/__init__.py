"""Whether the sensor sees what it should: judged from what the line, the kernel and the recorder have counted."""
