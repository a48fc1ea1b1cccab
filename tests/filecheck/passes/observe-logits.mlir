// The host reads what the tokens of a step are made of, drawn ones too.
// RUN: kl-opt %s -p observe-logits | filecheck %s
// RUN: kl-opt %s -p sample-tokens,observe-logits | filecheck %s --check-prefix=DRAWN
// RUN: kl-opt %s -p observe-logits,observe-logits --verify-diagnostics | filecheck %s --check-prefix=TWICE

// CHECK-LABEL: func.func @step
// CHECK-NEXT: nn.observe %logits as "logits" : tensor<1x8xbf16>
// CHECK-NEXT: %next = nn.argmax %logits : (tensor<1x8xbf16>) -> tensor<1xi32>
// CHECK-NEXT: func.return %next : tensor<1xi32>

// DRAWN: nn.observe %logits as "logits" : tensor<1x8xbf16>
// DRAWN-NEXT: nn.sample %logits, %position

// TWICE: the host reads a value as 'logits' already
func.func @step(%logits: tensor<1x8xbf16>, %position: tensor<i32>) -> tensor<1xi32> {
  %next = nn.argmax %logits : (tensor<1x8xbf16>) -> tensor<1xi32>
  func.return %next : tensor<1xi32>
}
