class StructuredLogger:
    pass
