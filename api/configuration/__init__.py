"""Configuration as code: one YAML file, made true by name, all of it or none of it."""
