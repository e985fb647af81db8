"""How things look: colours, Markdown, cards. Nothing here writes anywhere."""
