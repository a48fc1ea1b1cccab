/* Products of rows with stored weights, for `kl_bf16`, `kl_f16` and `kl_f32`.
 *
 * kl_rows_W:    total[m, i] += sum over k of x[m, k] * w[i, k], for `count` m, `rows` i and `terms` k.
 * kl_columns_W: total[m, j] += sum over k of x[m, k] * w[k, j], for `count` m, `columns` j and `terms` k.
 *
 * A row of `total`, `x` or `w` begins `_ld` elements behind the one before. `total` and `x` are `kl_sum`:
 *
 * double: terms are added in order, one by one. Each product is exact if every x was bf16, f16 or f32; then
 *   sums are to the bit those of `add_products` in kl.backends.numerics. A lane of a vector is a row or a
 *   column; blocks of rows are transposed in registers.
 * float, with `KL_FAST`: terms are added in any order, in f32.
 *
 * Weights come from memory once, whatever `count` is: a group of rows, or a few rows of a `[K, N]`, stays in
 * cache while all of `x` is multiplied with it.
 */
#ifndef KL_PRODUCTS_H
#define KL_PRODUCTS_H

#include "vectors.h"

#ifdef KL_FAST
#define KL_GROUP 4       /* Rows of weights that are walked together. */
#define KL_SUMS KL_GROUP /* Vectors of their sums: here lanes lie along each row. */
#else
#define KL_GROUP 16
#define KL_SUMS (KL_GROUP / KL_WORDS * KL_PARTS)
#endif
#define KL_COUNT (KL_BYTES == 64 ? 4 : 2) /* Rows of `x` at a time: their sums fit in registers. */
#ifndef KL_AHEAD
#define KL_AHEAD 512    /* Bytes of each row that are fetched ahead of their use. */
#endif
#define KL_TERMS 8      /* Rows of a `[K, N]` that are added to sums before these are stored again. */
#define KL_COLUMNS 4096 /* Columns whose sums stay in cache while all rows of a `[K, N]` pass. */

#ifdef KL_FAST

#define KL_TAKEN(kind) KL_WORDS /* Weights of each row that a step takes. */

/* Add the products of KL_TAKEN weights of each row; fetch what is `ahead`, its rows `stride` apart. */
KL_INLINE void kl_step(kl_kind kind, int count, kl_lanes sums[KL_COUNT][KL_SUMS], const kl_sum *x, long x_ld,
                       const char *const row[KL_GROUP], long offset, const char *ahead, long stride) {
  kl_lanes w[KL_GROUP];
  KL_UNROLL
  for (int i = 0; i < KL_GROUP; i++) {
    __builtin_prefetch(ahead + i * stride);
    w[i] = kl_load(kind, row[i] + offset);
  }
  KL_UNROLL
  for (int m = 0; m < count; m++) {
    kl_lanes factors;
    memcpy(&factors, x + m * x_ld, sizeof factors);
    KL_UNROLL
    for (int i = 0; i < KL_GROUP; i++) sums[m][i] = kl_add_product(sums[m][i], factors, w[i]);
  }
}

KL_INLINE void kl_begin(kl_lanes sums[KL_SUMS], const kl_sum *total, long rows) {
  (void)total, (void)rows;
  KL_UNROLL
  for (int i = 0; i < KL_GROUP; i++) sums[i] = (kl_lanes){0};
}

KL_INLINE void kl_finish(const kl_lanes sums[KL_SUMS], kl_sum *total, long rows) {
  KL_UNROLL
  for (int i = 0; i < KL_GROUP; i++)
    if (i < rows) total[i] += kl_sum_of_lanes(sums[i]);
}

#else

#define KL_TAKEN(kind) (KL_BYTES / kl_size(kind))

KL_INLINE void kl_step(kl_kind kind, int count, kl_lanes sums[KL_COUNT][KL_SUMS], const kl_sum *x, long x_ld,
                       const char *const row[KL_GROUP], long offset, const char *ahead, long stride) {
  const int each = 4 / (int)kl_size(kind);
  KL_UNROLL
  for (int from = 0; from < KL_GROUP; from += KL_WORDS) {
    kl_words words[KL_WORDS];
    KL_UNROLL
    for (int i = 0; i < KL_WORDS; i++) memcpy(&words[i], row[from + i] + offset, KL_BYTES);
    kl_transpose(words);
    KL_UNROLL
    for (int i = 0; i < KL_WORDS; i++) {
      __builtin_prefetch(ahead + (from + i) * stride);
      KL_UNROLL
      for (int k = i * each; k < (i + 1) * each; k++) {
        kl_lanes w[KL_PARTS];
        kl_widen_floats(w, kl_pick(kind, words[i], k % each));
        KL_UNROLL
        for (int m = 0; m < count; m++)
          KL_UNROLL
          for (int part = 0; part < KL_PARTS; part++) {
            kl_lanes *sum = &sums[m][from / KL_WORDS * KL_PARTS + part];
            *sum = kl_add_product(*sum, kl_splat(x[m * x_ld + k]), w[part]);
          }
      }
    }
  }
}

KL_INLINE void kl_begin(kl_lanes sums[KL_SUMS], const kl_sum *total, long rows) {
  kl_sum copy[KL_GROUP] = {0};
  if (rows == KL_GROUP) {
    memcpy(sums, total, sizeof copy);
    return;
  }
  for (long i = 0; i < rows; i++) copy[i] = total[i];
  memcpy(sums, copy, sizeof copy);
}

KL_INLINE void kl_finish(const kl_lanes sums[KL_SUMS], kl_sum *total, long rows) {
  kl_sum copy[KL_GROUP];
  if (rows == KL_GROUP) {
    memcpy(total, sums, sizeof copy);
    return;
  }
  memcpy(copy, sums, sizeof copy);
  for (long i = 0; i < rows; i++) total[i] = copy[i];
}

#endif

/* Multiply `count` rows of `x`, a constant of at most KL_COUNT, with up to KL_GROUP rows of weights.
 *
 * The last step of a walk may reach behind the rows; it takes copies instead. Behind them lie weights of 0
 * and x of -0: their product is -0, the only number that, when added, leaves 0 and -0 as they are.
 */
KL_INLINE void kl_multiply_group(kl_kind kind, int count, kl_sum *total, long total_ld, const kl_sum *x,
                                 long x_ld, const char *w, long stride, long rows, long terms) {
  const long size = kl_size(kind), taken = KL_TAKEN(kind), bytes = terms * size;
  const char *row[KL_GROUP], *ahead = w + KL_AHEAD / bytes * KL_GROUP * stride;
  long ahead_offset = KL_AHEAD % bytes, offset = 0;
  char rest[KL_GROUP][KL_BYTES];
  kl_sum rest_x[KL_COUNT][KL_BYTES / 2];
  kl_lanes sums[KL_COUNT][KL_SUMS];
  KL_UNROLL
  for (int i = 0; i < KL_GROUP; i++) row[i] = w + (i < rows ? i : rows - 1) * stride;
  KL_UNROLL
  for (int m = 0; m < count; m++) kl_begin(sums[m], total + m * total_ld, rows);
  for (long k = 0; k < terms; k += taken, x += taken, offset += taken * size) {
    if (terms - k < taken) {
      memset(rest, 0, sizeof rest);
      for (int i = 0; i < KL_GROUP; i++)
        row[i] = memcpy(rest[i], row[i] + offset, (unsigned long)(bytes - offset));
      for (int m = 0; m < count; m++)
        for (long i = 0; i < taken; i++) rest_x[m][i] = i < terms - k ? x[m * x_ld + i] : (kl_sum)-0.0;
      x = rest_x[0], x_ld = KL_BYTES / 2, offset = 0;
    }
    kl_step(kind, count, sums, x, x_ld, row, offset, ahead + ahead_offset, stride);
    ahead_offset += taken * size;
    if (ahead_offset >= bytes) ahead_offset = 0, ahead += KL_GROUP * stride;
  }
  KL_UNROLL
  for (int m = 0; m < count; m++) kl_finish(sums[m], total + m * total_ld, rows);
}

/* Call `multiply` for rows of `x` from 0 to `count`, as many at a time as there are instances for. */
#define KL_IN_PARTS(multiply)                                                                              \
  do {                                                                                                     \
    long m = 0;                                                                                            \
    if (KL_COUNT > 2)                                                                                      \
      for (; m + KL_COUNT <= count; m += KL_COUNT) multiply(KL_COUNT);                                     \
    for (; m + 2 <= count; m += 2) multiply(2);                                                            \
    if (m < count) multiply(1);                                                                            \
  } while (0)

KL_INLINE void kl_multiply_rows(kl_kind kind, kl_sum *total, long total_ld, const kl_sum *x, long x_ld,
                                long count, const char *w, long stride, long rows, long terms) {
  if (terms < 1) return;
  for (long i = 0; i < rows; i += KL_GROUP) {
    const long some = rows - i < KL_GROUP ? rows - i : KL_GROUP;
#define KL_MULTIPLY(COUNT)                                                                                 \
  kl_multiply_group(kind, COUNT, total + m * total_ld + i, total_ld, x + m * x_ld, x_ld, w + i * stride,   \
                    stride, some, terms)
    KL_IN_PARTS(KL_MULTIPLY);
#undef KL_MULTIPLY
  }
}

/* Multiply `count` rows of `x`, a constant of at most KL_COUNT, with `terms`, a constant, rows of weights. */
KL_INLINE void kl_multiply_strip(kl_kind kind, int count, int terms, kl_sum *total, long total_ld,
                                 const kl_sum *x, long x_ld, const char *w, long stride, long columns) {
  for (long j = 0; j + KL_WORDS <= columns; j += KL_WORDS, w += KL_WORDS * kl_size(kind)) {
    kl_lanes sums[KL_COUNT][KL_PARTS];
    KL_UNROLL
    for (int m = 0; m < count; m++) memcpy(sums[m], total + m * total_ld + j, sizeof sums[m]);
    KL_UNROLL
    for (int k = 0; k < terms; k++) {
      kl_lanes lanes[KL_PARTS];
      __builtin_prefetch(w + (k + 2 * KL_TERMS) * stride, 0, 2);
      kl_widen_floats(lanes, kl_load(kind, w + k * stride));
      KL_UNROLL
      for (int m = 0; m < count; m++)
        KL_UNROLL
        for (int part = 0; part < KL_PARTS; part++)
          sums[m][part] = kl_add_product(sums[m][part], kl_splat(x[m * x_ld + k]), lanes[part]);
    }
    KL_UNROLL
    for (int m = 0; m < count; m++) memcpy(total + m * total_ld + j, sums[m], sizeof sums[m]);
  }
}

/* Multiply all rows of `x` with the last columns: less than KL_WORDS, so nothing behind them is loaded. */
KL_INLINE void kl_multiply_edge(kl_kind kind, kl_sum *total, long total_ld, const kl_sum *x, long x_ld,
                                long count, const char *w, long stride, long columns, long terms) {
  for (long k = 0; k < terms; k++) {
    char rest[KL_BYTES] = {0};
    memcpy(rest, w + k * stride, (unsigned long)(columns * kl_size(kind)));
    const kl_floats floats = kl_load(kind, rest);
    for (long m = 0; m < count; m++)
      for (long j = 0; j < columns; j++) total[m * total_ld + j] += x[m * x_ld + k] * (kl_sum)floats[j];
  }
}

KL_INLINE void kl_multiply_columns(kl_kind kind, kl_sum *total, long total_ld, const kl_sum *x, long x_ld,
                                   long count, const char *w, long stride, long columns, long terms) {
  const long even = columns / KL_WORDS * KL_WORDS;
  for (long j = 0; j < even; j += KL_COLUMNS) {
    const long some = even - j < KL_COLUMNS ? even - j : KL_COLUMNS;
    long k = 0;
#define KL_MULTIPLY(COUNT, TERMS)                                                                          \
  kl_multiply_strip(kind, COUNT, TERMS, total + m * total_ld + j, total_ld, x + m * x_ld + k, x_ld,        \
                    w + k * stride + j * kl_size(kind), stride, some)
#define KL_ALL(COUNT) KL_MULTIPLY(COUNT, KL_TERMS)
#define KL_ONE(COUNT) KL_MULTIPLY(COUNT, 1)
    for (; k + KL_TERMS <= terms; k += KL_TERMS) KL_IN_PARTS(KL_ALL);
    for (; k < terms; k++) KL_IN_PARTS(KL_ONE);
#undef KL_MULTIPLY
#undef KL_ALL
#undef KL_ONE
  }
  if (even < columns)
    kl_multiply_edge(kind, total + even, total_ld, x, x_ld, count, w + even * kl_size(kind), stride,
                     columns - even, terms);
}

#define KL_PRODUCTS(W, KIND)                                                                               \
  static __attribute__((unused)) void kl_rows_##W(                                                         \
      kl_sum *restrict total, long total_ld, const kl_sum *restrict x, long x_ld, long count,              \
      const kl_##W *restrict w, long w_ld, long rows, long terms) {                                        \
    kl_multiply_rows(KIND, total, total_ld, x, x_ld, count, (const char *)w, w_ld * kl_size(KIND), rows,   \
                     terms);                                                                               \
  }                                                                                                        \
  static __attribute__((unused)) void kl_columns_##W(                                                      \
      kl_sum *restrict total, long total_ld, const kl_sum *restrict x, long x_ld, long count,              \
      const kl_##W *restrict w, long w_ld, long columns, long terms) {                                     \
    kl_multiply_columns(KIND, total, total_ld, x, x_ld, count, (const char *)w, w_ld * kl_size(KIND),      \
                        columns, terms);                                                                   \
  }
KL_PRODUCTS(bf16, KL_BF16)
KL_PRODUCTS(f16, KL_F16)
KL_PRODUCTS(f32, KL_F32)
#undef KL_PRODUCTS

#endif
