"""What a spool looks like, as JSON documents and words: the same for the command line, the page and other programs.

Guarantees: reads only; costs are bounded and told by each module. Does not write to a terminal or a browser.
"""
