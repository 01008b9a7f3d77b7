"""Where frames come from: capture files now, the live ring later."""
