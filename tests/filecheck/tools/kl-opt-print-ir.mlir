// The IR is printed around the passes that are named, each time they run; nothing of it is on stdout.
// RUN: kl-opt %s -p cse,canonicalize,cse --print-ir-before cse --print-ir-after canonicalize 2>&1 >/dev/null | filecheck %s --check-prefix=NAMED
// NAMED:      // -----// IR before cse //----- //
// NAMED-NEXT: builtin.module {
// NAMED:      nn.silu
// NAMED:      nn.silu
// NAMED-NOT:  IR after cse
// NAMED:      // -----// IR after canonicalize //----- //
// NAMED:      // -----// IR before cse //----- //
// NAMED-NOT:  IR

// After passes that change it: the first cse does, the others find nothing.
// RUN: kl-opt %s -p cse,canonicalize,cse --print-ir-after-change 2>&1 >/dev/null | filecheck %s --check-prefix=CHANGE
// CHANGE:     // -----// IR after cse //----- //
// CHANGE:     nn.silu
// CHANGE-NOT: nn.silu
// CHANGE-NOT: IR after

// With passes that are named, it is after those of them that change it.
// RUN: kl-opt %s -p cse,canonicalize --print-ir-after canonicalize --print-ir-after-change 2>&1 >/dev/null | filecheck %s --check-prefix=NONE --allow-empty
// NONE-NOT: IR after

// RUN: kl-opt %s -p canonicalize,cse --print-ir-diff 2>&1 >/dev/null | filecheck %s --check-prefix=DIFF
// DIFF-NOT:  canonicalize
// DIFF:      // -----// IR diff of cse //----- //
// DIFF-NEXT: --- before cse
// DIFF-NEXT: +++ after cse
// DIFF-NEXT: @@ -1,8 +1,7 @@
// DIFF:      {{^}}     %y = nn.silu %x
// DIFF-NEXT: {{^}}-    %z = nn.silu %x
// DIFF-NEXT: {{^}}-    %r = nn.add %y, %z
// DIFF-NEXT: {{^}}+    %r = nn.add %y, %y
// DIFF-NOT:  {{.}}[

// The passes of the default pipeline are seen one by one.
// RUN: kl-opt %s -p "kl-default{to=kernel}" --print-ir-after outline-kernels 2>&1 >/dev/null | filecheck %s --check-prefix=DEFAULT
// DEFAULT:     // -----// IR after outline-kernels //----- //
// DEFAULT:     kernel.func
// DEFAULT-NOT: IR after

func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %z = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %r = nn.add %y, %z : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %r : tensor<1x8xbf16>
}
