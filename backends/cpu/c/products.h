/* Products of rows with stored weights, for `kl_bf16`, `kl_f16` and `kl_f32`.
 *
 * `kl_sum` is double: terms are added one by one, in order, each product exact (what `add_products` of
 * kl.backends.numerics computes, to the bit). With `KL_FAST` it is float, and terms are added in any order.
 */
#ifndef KL_PRODUCTS_H
#define KL_PRODUCTS_H

#define KL_STATIC_PRODUCT static __attribute__((unused))

static inline kl_sum kl_widen_bf16(kl_bf16 x)
{
    uint32_t bits = (uint32_t)x << 16;
    float wide;
    __builtin_memcpy(&wide, &bits, sizeof wide);
    return wide;
}

static inline kl_sum kl_widen_f16(kl_f16 x) { return (kl_sum)x; }

static inline kl_sum kl_widen_f32(kl_f32 x) { return x; }

#define KL_PRODUCTS(W)                                                                                     \
    KL_STATIC_PRODUCT void kl_rows_##W(kl_sum *restrict total, long total_ld, const kl_sum *restrict x,    \
                                       long x_ld, long count, const kl_##W *restrict w, long w_ld,         \
                                       long rows, long terms)                                              \
    {                                                                                                      \
        for (long m = 0; m < count; m++)                                                                   \
            for (long i = 0; i < rows; i++)                                                                \
                for (long k = 0; k < terms; k++)                                                           \
                    total[m * total_ld + i] += x[m * x_ld + k] * kl_widen_##W(w[i * w_ld + k]);            \
    }                                                                                                      \
    KL_STATIC_PRODUCT void kl_columns_##W(kl_sum *restrict total, long total_ld, const kl_sum *restrict x, \
                                          long x_ld, long count, const kl_##W *restrict w, long w_ld,      \
                                          long columns, long terms)                                        \
    {                                                                                                      \
        for (long m = 0; m < count; m++)                                                                   \
            for (long k = 0; k < terms; k++)                                                               \
                for (long j = 0; j < columns; j++)                                                         \
                    total[m * total_ld + j] += x[m * x_ld + k] * kl_widen_##W(w[k * w_ld + j]);            \
    }
KL_PRODUCTS(bf16)
KL_PRODUCTS(f16)
KL_PRODUCTS(f32)
#undef KL_PRODUCTS

#endif
