"""Whether, when and where a person is contacted: `decide`, the facts it is taken from, and the rules on them."""
