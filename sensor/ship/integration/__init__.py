"""The Elastic integration package `otsensor`: how an Elastic Agent takes our JSON lines in, and what Kibana shows."""
