"""What a person looks at: the HTML report of a run. Reads run directories; never judges or trains."""
