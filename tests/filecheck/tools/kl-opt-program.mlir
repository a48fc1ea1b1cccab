// A module at the rdu level becomes a saved program.
// RUN: kl-opt %s -t "kl-program{program=nothing}" | filecheck %s

// CHECK: "format": "kl-program"
// CHECK: "name": "nothing"
// CHECK: "outputs": []
rdu.schedule @step inputs [] outputs [] {
^bb0:
}
