// Where a kernel ends because nothing in it would order two uses of a cache.
// RUN: kl-opt %s -p outline-kernels --split-input-file | filecheck %s
// RUN: kl-opt %s -p outline-kernels{granularity=block} --split-input-file | filecheck %s

// Two appends to one cache are two kernels.
// CHECK: kernel.func @layer.append(
// CHECK-NEXT: nn.cache_append
// CHECK-NEXT: kernel.return
// CHECK: kernel.func @layer.attention(
// CHECK-NEXT: nn.cache_append {{.*}} {kl.remarks = ["a new kernel begins with this nn.cache_append: nn.cache_append writes %k before, and nothing in a kernel would order the two"]}
// CHECK-NEXT: nn.attention
func.func private @layer(%x: tensor<1x16xbf16>, %k: memref<1x1x8x16xbf16>, %p: tensor<i32>) -> tensor<1x16xbf16> {
  nn.cache_append %k[%p], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  nn.cache_append %k[%p], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  %a = nn.attention %x, %k, %k, %p scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  func.return %a : tensor<1x16xbf16>
}
nn.state @s : memref<1x1x8x16xbf16>
func.func @step(%x: tensor<1x16xbf16>, %p: tensor<i32>) -> tensor<1x16xbf16> {
  %s = nn.get_global @s : memref<1x1x8x16xbf16>
  %y = nn.call @layer(%x, %s, %p) : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  func.return %y : tensor<1x16xbf16>
}

// -----
// An append, and a read of all of the cache up to another position: the token holds up the tiles from that one on alone.
// CHECK: kernel.func @layer.append(
// CHECK: kernel.func @layer.attention(
// CHECK-NEXT: nn.attention {{.*}} {kl.remarks = ["a new kernel begins with this nn.attention: nn.cache_append writes %k before, and nothing in a kernel would order the two"]}
func.func private @layer(%x: tensor<1x16xbf16>, %k: memref<1x1x8x16xbf16>, %p: tensor<i32>, %q: tensor<i32>) -> tensor<1x16xbf16> {
  nn.cache_append %k[%p], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  %a = nn.attention %x, %k, %k, %q scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  func.return %a : tensor<1x16xbf16>
}
nn.state @s : memref<1x1x8x16xbf16>
func.func @step(%x: tensor<1x16xbf16>, %p: tensor<i32>, %q: tensor<i32>) -> tensor<1x16xbf16> {
  %s = nn.get_global @s : memref<1x1x8x16xbf16>
  %y = nn.call @layer(%x, %s, %p, %q) : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>, tensor<i32>) -> tensor<1x16xbf16>
  func.return %y : tensor<1x16xbf16>
}

// -----
// A layer that attends before it appends stays whole: the append can wait. So does one that does it with two caches,
// CHECK: kernel.func @before(
// CHECK-NEXT: nn.attention
// CHECK-NEXT: nn.cache_append %k[%p], %x : memref
// CHECK-NEXT: nn.attention
// CHECK-NEXT: kernel.return
func.func private @before(%x: tensor<1x16xbf16>, %k: memref<1x1x8x16xbf16>, %p: tensor<i32>) -> tensor<1x16xbf16> {
  %a = nn.attention %x, %k, %k, %p scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  nn.cache_append %k[%p], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  %b = nn.attention %a, %k, %k, %p scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  func.return %b : tensor<1x16xbf16>
}
// whichever comes first.
// CHECK: kernel.func @layer(
// CHECK-NEXT: nn.cache_append %k[%p], %x : memref
// CHECK-NEXT: nn.attention
// CHECK-NEXT: nn.cache_append %v[%p], %a : memref
// CHECK-NEXT: nn.attention
// CHECK-NOT: kernel.func
func.func private @layer(%x: tensor<1x16xbf16>, %k: memref<1x1x8x16xbf16>, %v: memref<1x1x8x16xbf16>, %p: tensor<i32>) -> tensor<1x16xbf16> {
  nn.cache_append %k[%p], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  %a = nn.attention %x, %k, %k, %p scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  nn.cache_append %v[%p], %a : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  %b = nn.attention %a, %v, %v, %p scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  func.return %b : tensor<1x16xbf16>
}
nn.state @s : memref<1x1x8x16xbf16>
nn.state @t : memref<1x1x8x16xbf16>
func.func @step(%x: tensor<1x16xbf16>, %p: tensor<i32>) -> tensor<1x16xbf16> {
  %s = nn.get_global @s : memref<1x1x8x16xbf16>
  %t = nn.get_global @t : memref<1x1x8x16xbf16>
  %z = nn.call @before(%x, %s, %p) : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  %y = nn.call @layer(%z, %s, %t, %p) : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  func.return %y : tensor<1x16xbf16>
}
