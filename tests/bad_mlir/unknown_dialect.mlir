// error: 3:3: unknown operation 'kernl.call'
kernel.schedule @step() {
  kernl.call @k() : () -> ()
  kernel.return
}
