/* Element types, and functions of one number, to the last bit those of `backends/arithmetic.py`.
 *
 * All arithmetic is in f64, and each result is rounded once. The order of every operation is that of the
 * numpy reference, so nothing may be contracted (`-ffp-contract=off`) or reordered.
 */
#ifndef KL_NUMBERS_H
#define KL_NUMBERS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t kl_bf16;
typedef _Float16 kl_f16;
typedef float kl_f32;
typedef double kl_f64;
typedef uint8_t kl_f8E4M3FN;
typedef uint8_t kl_f8E8M0FNU;
typedef uint8_t kl_i1;
typedef int8_t kl_i8;
typedef int16_t kl_i16;
typedef int32_t kl_i32;
typedef int64_t kl_i64;

/* What products are added up in: exact sums are those of the reference. */
#ifdef KL_FAST
typedef float kl_sum;
#else
typedef double kl_sum;
#endif

/* Elements as f64. */

static inline float kl_float_of_bits(uint32_t bits) {
  float number;
  memcpy(&number, &bits, sizeof number);
  return number;
}

static inline uint32_t kl_bits_of_float(float number) {
  uint32_t bits;
  memcpy(&bits, &number, sizeof bits);
  return bits;
}

static inline double kl_of_bf16(kl_bf16 x) { return (double)kl_float_of_bits((uint32_t)x << 16); }
static inline double kl_of_f16(kl_f16 x) { return (double)x; }
static inline double kl_of_f32(kl_f32 x) { return (double)x; }
static inline double kl_of_f64(kl_f64 x) { return x; }
static inline double kl_of_i1(kl_i1 x) { return x; }
static inline double kl_of_i8(kl_i8 x) { return x; }
static inline double kl_of_i16(kl_i16 x) { return x; }
static inline double kl_of_i32(kl_i32 x) { return x; }
static inline double kl_of_i64(kl_i64 x) { return (double)x; }

static inline double kl_of_f8E4M3FN(kl_f8E4M3FN x) {
  int exponent = x >> 3 & 15, fraction = x & 7;
  double size = (x & 127) == 127 ? (double)NAN : ldexp(exponent ? 8 + fraction : fraction, (exponent ? exponent : 1) - 10);
  return x & 128 ? -size : size;
}

static inline double kl_of_f8E8M0FNU(kl_f8E8M0FNU x) { return x == 255 ? (double)NAN : ldexp(1.0, x - 127); }

/* f64 as elements, rounded once, to nearest and ties to even. */

/* f64 to f32, towards zero, with an odd last bit where something was lost: the next rounding decides alone. */
static inline float kl_narrowed_to_odd(double x) {
  float narrow = (float)x;
  double back = (double)narrow;
  uint32_t bits = kl_bits_of_float(narrow);
  bits -= fabs(back) > fabs(x);
  bits |= back != x;
  return kl_float_of_bits(bits);
}

static inline kl_bf16 kl_to_bf16(double x) {
  uint32_t bits = kl_bits_of_float(kl_narrowed_to_odd(x));
  uint32_t nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return (kl_bf16)(x != x ? (bits >> 16 & 0x8000) | 0x7fc0 : nearest);
}

static inline kl_f16 kl_to_f16(double x) { return (kl_f16)x; }
static inline kl_f32 kl_to_f32(double x) { return (kl_f32)x; }
static inline kl_f64 kl_to_f64(double x) { return x; }

/* What is beyond 448, the largest number of this type, becomes that one. */
static inline kl_f8E4M3FN kl_to_f8E4M3FN(double x) {
  uint8_t sign = signbit(x) ? 128 : 0;
  double size = fabs(x);
  if (x != x) return sign | 127;
  if (size >= 448.0) return sign | 126;
  int exponent = size < 0x1p-6 ? -6 : ilogb(size);
  double units = rint(ldexp(size, 3 - exponent)); /* eighths of 2^exponent: 8 to 16, below for the smallest */
  return sign | (uint8_t)(units < 8.0 ? units : (exponent + 6) * 8 + units);
}

/* Functions. */

static const double kl_exp_terms[14] = {
    0x1.6124613a86d08p-33, 0x1.1eed8eff8d896p-29, 0x1.ae64567f544e2p-26, 0x1.27e4fb7789f5bp-22,
    0x1.71de3a556c732p-19, 0x1.a01a01a01a019p-16, 0x1.a01a01a01a019p-13, 0x1.6c16c16c16c16p-10,
    0x1.1111111111111p-7,  0x1.5555555555555p-5,  0x1.5555555555555p-3,  0x1.0p-1,
    0x1.0p+0,              0x1.0p+0};

static inline double kl_polynomial(double x, const double *terms, int count) {
  double sum = terms[0];
  for (int n = 1; n < count; n++) sum = sum * x + terms[n];
  return sum;
}

/* 2^n for n from -1022 to 1023. */
static inline double kl_power_of_two(int64_t n) {
  int64_t bits = (n + 1023) << 52;
  double power;
  memcpy(&power, &bits, sizeof power);
  return power;
}

static inline double kl_exp(double x) {
  double clipped = x < -800.0 ? -800.0 : x > 800.0 ? 800.0 : x;
  double n = rint(clipped * 0x1.71547652b82fep+0);
  double r = (clipped - n * 0x1.62e42fee00000p-1) - n * 0x1.a39ef35793c76p-33;
  double p = kl_polynomial(r, kl_exp_terms, 14);
  int64_t whole = x != x ? 0 : (int64_t)n, half = whole / 2; /* two powers: the second one alone rounds */
  return p * kl_power_of_two(half) * kl_power_of_two(whole - half);
}

/* exp(x) - 1 for x up to 0. */
static inline double kl_expm1(double x) {
  return x > -0.34 ? x * kl_polynomial(x, kl_exp_terms, 13) : kl_exp(x) - 1.0;
}

static inline double kl_tanh(double x) {
  double e = kl_expm1(-2.0 * fabs(x));
  return copysign(-e / (e + 2.0), x);
}

/* log(1 + x) for x from 0 to 1. */
static inline double kl_log1p(double x) {
  double z = x / (2.0 + x), square = z * z, sum = 1.0 / 41;
  for (int k = 39; k > 0; k -= 2) sum = sum * square + 1.0 / k;
  return 2.0 * z * sum;
}

#define KL_ROOT_PI 1.7724538509055160273

static inline double kl_erf_series(double x) {
  double square = 2.0 * x * x, total = 1.0;
  for (int n = 45; n > 0; n--) total = 1.0 + total * square / (2 * n + 1);
  return 2.0 / KL_ROOT_PI * kl_exp(-x * x) * x * total;
}

static inline double kl_erfc_fraction(double x) {
  double below = x;
  for (int n = 90; n > 0; n--) below = x + n / 2.0 / below;
  return kl_exp(-x * x) / (KL_ROOT_PI * below);
}

static inline double kl_erfc(double x) {
  double size = fabs(x), above = size < 2.0 ? 1.0 - kl_erf_series(size) : kl_erfc_fraction(size);
  return x < 0.0 ? 2.0 - above : above;
}

/* Activations. */

static inline double kl_silu(double x) { return x / (1.0 + kl_exp(-x)); }
static inline double kl_sigmoid(double x) { return 1.0 / (1.0 + kl_exp(-x)); }
static inline double kl_relu(double x) { return x < 0.0 ? 0.0 : x; }
static inline double kl_softplus(double x) { return kl_relu(x) + kl_log1p(kl_exp(-fabs(x))); }
static inline double kl_gelu_erf(double x) { return x / 2.0 * kl_erfc(x / -0x1.6a09e667f3bcdp+0); }
static inline double kl_clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

static inline double kl_gelu(double x) {
  double u = 0x1.9884533d43651p-1 * (x + 0.044715 * x * x * x);
  return x / (1.0 + kl_exp(-2.0 * u));
}

#endif
