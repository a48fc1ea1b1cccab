/* What a computer does at best, measured apart from any program: `kl calibrate cpu` calls these. */
#ifndef KL_PROBES_H
#define KL_PROBES_H

#include "products.h"
#include "threads.h"

/* Sums of words of a buffer, eight apart, so that reading alone takes time: arguments are the buffer, its
 * words (long), how often it is read (long), and a word for each thread to write. */
static void kl_job_read(kl_thread *thread, void **arguments)
{
    const uint64_t *words = arguments[0];
    long from, to;
    kl_share(thread, *(long *)arguments[1], 512, &from, &to);
    uint64_t sums[32] = {0};
    for (long pass = 0; pass < *(long *)arguments[2]; pass++)
        for (long i = from; i + 32 <= to; i += 32)
            for (int j = 0; j < 32; j++)
                sums[j] += words[i + j];
    for (int j = 1; j < 32; j++)
        sums[0] += sums[j];
    ((uint64_t *)arguments[3])[thread->index * 8] = sums[0];
}

/* Barriers, as many as the first argument says (long). */
static void kl_job_barriers(kl_thread *thread, void **arguments)
{
    for (long i = 0; i < *(long *)arguments[0]; i++)
        kl_barrier(thread);
}

/* Products of rows with a matrix `[n, k]` of bf16 or f32, each thread with one of its own: arguments are `is_bf16`,
 * the rows, n, k, how often (all long), and for each thread its sums, x and matrix. */
static void kl_job_products(kl_thread *thread, void **arguments)
{
    long is_bf16 = *(long *)arguments[0], rows = *(long *)arguments[1], n = *(long *)arguments[2];
    long k = *(long *)arguments[3];
    void **own = arguments + 5 + 3 * thread->index;
    for (long pass = 0; pass < *(long *)arguments[4]; pass++)
        if (is_bf16)
            kl_rows_bf16(own[0], n, own[1], k, rows, own[2], k, n, k);
        else
            kl_rows_f32(own[0], n, own[1], k, rows, own[2], k, n, k);
}

void kl_probe_read(void **arguments) { kl_call(kl_job_read, arguments); }
void kl_probe_barriers(void **arguments) { kl_call(kl_job_barriers, arguments); }
void kl_probe_products(void **arguments) { kl_call(kl_job_products, arguments); }

/* Have so many threads; 0, or an error of the system. */
int kl_open(int threads)
{
    kl_stop();
    return kl_start(threads);
}

#endif
