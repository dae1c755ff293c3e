"""What is acceptable: suites derived from the features' contracts. Great Expectations lives here alone."""
