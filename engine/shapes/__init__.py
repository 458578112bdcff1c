"""What shapes do and refuse beyond their diagrams and forms: a module for each that needs one."""
