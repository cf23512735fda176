"""What is wrong, for whom, since when: from a finding to its end, with every change recorded."""
