"""The spool's command line, controller and protocol library. Importing this loads nothing."""
