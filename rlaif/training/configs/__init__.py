"""What trainers can be told: frozen configurations, checked on construction. One trainer a file; none imports torch."""
