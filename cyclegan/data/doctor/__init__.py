"""The data doctor: `examination` measures a domain's pictures and gives `findings`; `advice` says what to do."""
