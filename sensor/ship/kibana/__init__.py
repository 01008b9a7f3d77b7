"""Dashboards for Kibana, made from a short description, and the proof that they show something."""
