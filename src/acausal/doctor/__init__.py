"""What `acausal doctor` looks at before a run: the machine, the configuration, the models."""
