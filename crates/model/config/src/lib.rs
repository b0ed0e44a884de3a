//! The schema of every YAML file: defaults, validation, secrets.
