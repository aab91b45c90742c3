"""The controller: watches, tidies, and merges what was committed into the corpus."""
