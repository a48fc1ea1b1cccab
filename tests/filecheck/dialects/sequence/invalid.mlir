// What the verifier of the machine refuses, and what passes for another class of machine say.
// RUN: kl-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// CHECK: unknown machine parameter 'pmus'; known: sockets, memory_bytes, memory_bandwidth
builtin.module attributes {sequence.machine = #sequence.machine<{pmus = 64}>} {
}

// -----
// CHECK: machine parameter memory_permille is 1001; the most is 1000: the whole
builtin.module attributes {sequence.machine = #sequence.machine<{memory_permille = 1001}>} {
}

// -----
// CHECK: machine parameter launch_ns is "soon", not an integer
builtin.module attributes {sequence.machine = #sequence.machine<{launch_ns = "soon"}>} {
}
