// error: 4:1: a number before this place is too large for its type
rdu.schedule @step inputs [] outputs [] {
  rdu.load_arguments @k [@x] offsets [99999999999999999999]
}
