"""The agent that runs on each GPU and works jobs off the spool. Importing this loads nothing."""
