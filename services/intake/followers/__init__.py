"""What intake does because of facts: a clock that fired, a merge, an answer that reaches nobody."""
