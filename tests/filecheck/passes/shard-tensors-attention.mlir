// Attention on 2, 4 and 8 sockets: 8 query heads of 4 numbers share 2 KV heads.
// RUN: kl-opt %s -p shard-tensors{sockets=2} | filecheck %s --check-prefix=TWO
// RUN: kl-opt %s -p shard-tensors{sockets=4} | filecheck %s --check-prefix=FOUR
// RUN: kl-opt %s -p shard-tensors{sockets=8} | filecheck %s --check-prefix=EIGHT

// As many sockets as KV heads: the KV cache and what is written to it are split as everything else.
// TWO: nn.weight @wq : tensor<32x16xbf16> {shard_axis = 1 : i64, shard_parts = 2 : i64}
// TWO-NEXT: nn.weight @wk : tensor<32x4xbf16> {shard_axis = 1 : i64, shard_parts = 2 : i64}
// TWO: nn.state @keys : memref<1x1x16x4xbf16> {shard_parts = 2 : i64}
// TWO: nn.attention {{.*}} : (tensor<1x16xbf16>, memref<1x1x16x4xbf16>, memref<1x1x16x4xbf16>, tensor<i32>) -> tensor<1x16xbf16>

// More sockets than KV heads: the weights and the cache of a KV head are on two sockets, in 2 parts. Query heads
// are split in 4.
// FOUR: nn.weight @wq : tensor<32x8xbf16> {shard_axis = 1 : i64, shard_parts = 4 : i64}
// FOUR-NEXT: nn.weight @wk : tensor<32x4xbf16> {shard_axis = 1 : i64, shard_parts = 2 : i64}
// FOUR-NEXT: nn.weight @wv : tensor<32x4xbf16> {shard_axis = 1 : i64, shard_parts = 2 : i64}
// FOUR-NEXT: nn.weight @wo : tensor<8x32xbf16> {shard_axis = 0 : i64, shard_parts = 4 : i64}
// FOUR-NEXT: nn.state @keys : memref<1x1x16x4xbf16> {shard_parts = 2 : i64}
// FOUR-NEXT: nn.state @values : memref<1x1x16x4xbf16>
// FOUR: %q = nn.matmul %x, %wq : (tensor<1x32xbf16>, tensor<32x8xbf16>) -> tensor<1x8xbf16>
// FOUR: %k = nn.matmul %x, %wk : (tensor<1x32xbf16>, tensor<32x4xbf16>) -> tensor<1x4xbf16>
// FOUR: %qr = nn.rope %q, %position {{.*}} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
// FOUR-NEXT: %kr = nn.rope %k, %position {{.*}} : (tensor<1x4xbf16>, tensor<i32>) -> tensor<1x4xbf16>
// Two parts make the whole, on four sockets.
// FOUR-NEXT: [[KR:%.*]] = collective.all_gather %kr axis 1 : (tensor<1x4xbf16>) -> tensor<1x8xbf16>
// FOUR-NEXT: nn.observe [[KR]] as "keys"
// FOUR-NEXT: nn.cache_append %keys[%position], %kr : memref<1x1x16x4xbf16>, tensor<i32>, tensor<1x4xbf16>
// FOUR-NEXT: nn.cache_append %values[%position], %v
// FOUR-NEXT: %a = nn.attention %qr, %keys, %values, %position {{.*}} : (tensor<1x8xbf16>, memref<1x1x16x4xbf16>, {{.*}}) -> tensor<1x8xbf16>
// FOUR-NEXT: %o = nn.matmul %a, %wo : (tensor<1x8xbf16>, tensor<8x32xbf16>) -> tensor<1x32xbf16>
// FOUR-NEXT: [[O:%.*]] = collective.all_reduce %o
// FOUR-NEXT: func.return [[O]]

// EIGHT: nn.weight @wq : tensor<32x4xbf16> {shard_axis = 1 : i64, shard_parts = 8 : i64}
// EIGHT-NEXT: nn.weight @wk : tensor<32x4xbf16> {shard_axis = 1 : i64, shard_parts = 2 : i64}
// EIGHT: nn.state @keys : memref<1x1x16x4xbf16>

nn.weight @wq : tensor<32x32xbf16>
nn.weight @wk : tensor<32x8xbf16>
nn.weight @wv : tensor<32x8xbf16>
nn.weight @wo : tensor<32x32xbf16>
nn.state @keys : memref<1x2x16x4xbf16>
nn.state @values : memref<1x2x16x4xbf16>
func.func @step(%x: tensor<1x32xbf16>, %position: tensor<i32>) -> tensor<1x32xbf16> {
  %wq = nn.get_global @wq : tensor<32x32xbf16>
  %wk = nn.get_global @wk : tensor<32x8xbf16>
  %wv = nn.get_global @wv : tensor<32x8xbf16>
  %wo = nn.get_global @wo : tensor<32x32xbf16>
  %keys = nn.get_global @keys : memref<1x2x16x4xbf16>
  %values = nn.get_global @values : memref<1x2x16x4xbf16>
  %q = nn.matmul %x, %wq : (tensor<1x32xbf16>, tensor<32x32xbf16>) -> tensor<1x32xbf16>
  %k = nn.matmul %x, %wk : (tensor<1x32xbf16>, tensor<32x8xbf16>) -> tensor<1x8xbf16>
  %v = nn.matmul %x, %wv : (tensor<1x32xbf16>, tensor<32x8xbf16>) -> tensor<1x8xbf16>
  %qr = nn.rope %q, %position {head_dim = 4, frequencies = array<f64: 1.0, 0.01>} : (tensor<1x32xbf16>, tensor<i32>) -> tensor<1x32xbf16>
  %kr = nn.rope %k, %position {head_dim = 4, frequencies = array<f64: 1.0, 0.01>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  nn.observe %kr as "keys" : tensor<1x8xbf16>
  nn.cache_append %keys[%position], %kr : memref<1x2x16x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  nn.cache_append %values[%position], %v : memref<1x2x16x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  %a = nn.attention %qr, %keys, %values, %position scale 5.0e-01 : (tensor<1x32xbf16>, memref<1x2x16x4xbf16>, memref<1x2x16x4xbf16>, tensor<i32>) -> tensor<1x32xbf16>
  %o = nn.matmul %a, %wo : (tensor<1x32xbf16>, tensor<32x32xbf16>) -> tensor<1x32xbf16>
  func.return %o : tensor<1x32xbf16>
}
