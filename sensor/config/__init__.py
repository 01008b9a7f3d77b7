"""What the people of the plant tell the sensor: where it stands, how it listens, and what they call their machines.

The rule it lives by: every key is checked, and a wrong one is answered with its place and the nearest right name.
"""

from sensor.config.file import ConfigError, Loaded, load, read
from sensor.config.settings import Config, WatchSettings, WriteSettings
from sensor.guard.health.settings import HealthSettings

__all__ = ["Config", "ConfigError", "HealthSettings", "Loaded", "WatchSettings", "WriteSettings", "load", "read"]
