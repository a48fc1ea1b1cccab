// error: 2:1: the text ends where an operation or '}' is expected
