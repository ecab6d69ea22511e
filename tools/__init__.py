"""Small tools: all else is made from the notebooks, and each tool can say whether what is committed is what it made."""
