"""What keeps the sensor from being a way in: privileges given up, a sandbox, a doctor, a service, health."""
