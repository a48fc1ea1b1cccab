/* What kernels call for operations on rows: norms, softmax, attention, routers. Rows are f64 here.
 *
 * Sums go in order from the first term on, as `backends/arithmetic.py: ordered_sum` does.
 */
#ifndef KL_OPERATIONS_H
#define KL_OPERATIONS_H

#include <stdatomic.h>
#include <stdlib.h>
#include "numbers.h"

/* What went wrong first: the number of a message of the program, and the value that it is about. */
static atomic_long kl_error_code;
static long kl_error_value;

static void kl_fail(long code, long value) {
  long none = 0;
  if (atomic_compare_exchange_strong(&kl_error_code, &none, code)) kl_error_value = value;
}

long kl_error(long *value) {
  long code = atomic_exchange(&kl_error_code, 0);
  *value = kl_error_value;
  return code;
}

/* An index in 0 to extent - 1, or -1 where that `may_be_none`; 0 in its place, and an error, for another. */
static long kl_index(long index, long extent, int may_be_none, long code) {
  if ((index >= 0 && index < extent) || (may_be_none && index == -1)) return index;
  kl_fail(code, index);
  return 0;
}

/* Where a cache of so many slots holds a position. */
static long kl_slot(long position, long slots, int ring, long code) {
  if (position >= 0 && (ring || position < slots)) return position % slots;
  kl_fail(code, position);
  return 0;
}

static double kl_ordered_sum(const double *x, long count) {
  double sum = x[0];
  for (long i = 1; i < count; i++) sum += x[i];
  return sum;
}

static double kl_sum_of_squares(const double *x, long count) {
  double sum = x[0] * x[0];
  for (long i = 1; i < count; i++) sum += x[i] * x[i];
  return sum;
}

/* The largest number; a NaN wins. */
static double kl_largest(const double *x, long count) {
  double largest = x[0];
  for (long i = 1; i < count; i++)
    if (x[i] > largest || x[i] != x[i]) largest = largest != largest ? largest : x[i];
  return largest;
}

/* Subtracts the mean from each group of a row, and gives the root of the variance plus eps of each. */
static void kl_centre(double *x, double *roots, long groups, long group, double eps) {
  for (long g = 0; g < groups; g++, x += group) {
    double mean = kl_ordered_sum(x, group) / (double)group;
    for (long i = 0; i < group; i++) x[i] -= mean;
    roots[g] = sqrt(kl_sum_of_squares(x, group) / (double)group + eps);
  }
}

/* The root of the mean square plus eps of each group of a row. */
static void kl_root_mean_squares(const double *x, double *roots, long groups, long group, double eps) {
  for (long g = 0; g < groups; g++, x += group)
    roots[g] = sqrt(kl_sum_of_squares(x, group) / (double)group + eps);
}

static void kl_softmax(double *x, long count) {
  double largest = kl_largest(x, count);
  for (long i = 0; i < count; i++) x[i] = kl_exp(x[i] - largest);
  double total = kl_ordered_sum(x, count);
  for (long i = 0; i < count; i++) x[i] /= total;
}

/* Which slots of a cache count: the last `window` positions, up to `position`, of so many slots. */
typedef struct {
  long position, slots, window;
  int ring;
} kl_mask;

/* The position that a slot holds; below 0 it holds none. */
static long kl_held(const kl_mask *mask, long slot) {
  if (!mask->ring) return slot;
  long behind = (mask->position - slot) % mask->slots;
  return mask->position - (behind < 0 ? behind + mask->slots : behind);
}

static int kl_counts(const kl_mask *mask, long held) {
  long first = mask->position + 1 - mask->window;
  return held >= (first > 0 ? first : 0) && held <= mask->position;
}

/* What is added to scores and their sum by a head; absent where `has_…` is 0. */
typedef struct {
  double scale, softcap, slope, sink;
  int has_softcap, has_slope, has_sink;
} kl_head;

/* Products of a query with all slots become their weights, in place, rounded to f32 as scores are. */
static void kl_attention_weights(kl_sum *scores, double *weights, const kl_mask *mask, const kl_head *head) {
  double largest = -(double)INFINITY, total = 0.0;
  int any = 0;
  for (long s = 0; s < mask->slots; s++) {
    double score = (double)scores[s] * head->scale;
    if (head->has_softcap) score = head->softcap * kl_tanh(score / head->softcap);
    score = kl_to_f32(score);
    long held = kl_held(mask, s);
    if (!kl_counts(mask, held)) continue;
    if (head->has_slope) score = score + head->slope * (double)(held - mask->position);
    weights[s] = score;
    if (!any || score > largest || score != score) largest = any && largest != largest ? largest : score;
    any = 1;
  }
  if (head->has_sink && (head->sink > largest || head->sink != head->sink))
    largest = largest != largest ? largest : head->sink;
  any = 0;
  for (long s = 0; s < mask->slots; s++) {
    if (!kl_counts(mask, kl_held(mask, s))) continue;
    weights[s] = kl_exp(weights[s] - largest);
    total = any ? total + weights[s] : weights[s];
    any = 1;
  }
  if (head->has_sink) total = total + kl_exp(head->sink - largest);
  for (long s = 0; s < mask->slots; s++)
    scores[s] = kl_counts(mask, kl_held(mask, s)) ? (kl_sum)kl_to_f32(weights[s] / total) : (kl_sum)0.0;
}

/* The first index of the largest number of a row, or of its first NaN. */
static long kl_argmax(const double *x, long count) {
  long best = 0;
  for (long i = 0; i < count; i++) {
    if (x[i] != x[i]) return i;
    if (x[i] > x[best]) best = i;
  }
  return best;
}

/* Whether a column comes before another one that stands to the left of it: NaNs first, then by size. */
static int kl_before(double x, double other) { return other == other && (x != x || x > other); }

/* The columns of the `wanted` largest elements of a row, falling, of equals the lowest first; what `is_left`
 * marks comes last, and all that is taken is marked 2. `is_left` may have 0 and 1 before. */
static void kl_falling(const double *x, long count, long wanted, long *columns, unsigned char *is_left) {
  for (long n = 0; n < wanted; n++) {
    long best = -1;
    for (long i = 0; i < count; i++) {
      if (is_left[i] == 2) continue;
      if (best < 0 || is_left[i] < is_left[best] || (is_left[i] == is_left[best] && kl_before(x[i], x[best])))
        best = i;
    }
    columns[n] = best;
    is_left[best] = 2;
  }
}

/* Drawing a column, as `backends/numerics_sampling.py` does. */

static uint64_t kl_mix(uint64_t word) {
  word += 0x9E3779B97F4A7C15u;
  word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9u;
  word = (word ^ word >> 27) * 0x94D049BB133111EBu;
  return word ^ word >> 31;
}

/* The number from 0 to below 1 that a row draws at a position. */
static double kl_uniform(uint64_t seed, uint64_t position, uint64_t row) {
  return (double)(kl_mix(kl_mix(kl_mix(seed) ^ position) ^ row) >> 11) * 0x1p-53;
}

typedef struct {
  double x;
  long column;
} kl_candidate;

/* The largest come first, of equals the lowest column. */
static int kl_order(const void *one, const void *other) {
  const kl_candidate *a = one, *b = other;
  if (a->x != b->x) return a->x > b->x ? -1 : 1;
  return a->column < b->column ? -1 : a->column > b->column;
}

/* Let the last candidate of a heap, whose first comes last in the order, sink from the top. */
static void kl_sink(kl_candidate *heap, long count, kl_candidate last) {
  long place = 0;
  for (long below; (below = 2 * place + 1) < count; place = below) {
    if (below + 1 < count && kl_order(&heap[below], &heap[below + 1]) < 0) below++;
    if (kl_order(&heap[below], &last) <= 0) break;
    heap[place] = heap[below];
  }
  heap[place] = last;
}

/* The first `kept` columns of a row in order. */
static void kl_leading(const double *x, long count, kl_candidate *leading, long kept) {
  for (long i = 0; i < kept; i++) leading[i] = (kl_candidate){x[i], i};
  qsort(leading, kept, sizeof *leading, kl_order);
  if (kept == count) return;
  for (long i = 0; i < kept / 2; i++) { /* falling from the last one on is a heap */
    kl_candidate one = leading[i];
    leading[i] = leading[kept - 1 - i];
    leading[kept - 1 - i] = one;
  }
  for (long i = kept; i < count; i++)
    if (x[i] > leading[0].x) kl_sink(leading, kept, (kl_candidate){x[i], i});
  qsort(leading, kept, sizeof *leading, kl_order);
}

/* A column drawn as probable as exp((x - max) / temperature), of the `kept` largest, of these of the fewest
 * that have `top_p` of the probability; `sums` and `leading` have room for those that are kept. */
static long kl_sample(const double *x, long count, double u, double temperature, long kept, double top_p,
                      double *sums, kl_candidate *leading) {
  for (long i = 0; i < count; i++)
    if (x[i] != x[i]) return i;
  kl_leading(x, count, leading, kept);
  double total = 0.0, first = leading[0].x;
  for (long i = 0; i < kept; i++) {
    double below = leading[i].x == first ? 0.0 : leading[i].x - first;
    double weight = kl_exp(below / temperature);
    sums[i] = total = i ? total + weight : weight;
  }
  if (top_p < 1.0)
    for (long i = 0; i < kept; i++)
      if (sums[i] >= top_p * total) {
        kept = i + 1;
        break;
      }
  for (long i = 0; i < kept; i++)
    if (sums[i] > u * sums[kept - 1]) return leading[i].column;
  return leading[kept - 1].column;
}

#endif
