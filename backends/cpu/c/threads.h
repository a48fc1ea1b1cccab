/* A pool of threads that run one job together, and a barrier between them.
 *
 * Everything is static: each library that includes this has a pool of its own. The caller of `kl_call` is
 * thread 0. A library whose pool is started must not be unloaded, nor its process forked (a child has no
 * workers: its calls would wait for ever): `kl_stop` first.
 */
#ifndef KL_THREADS_H
#define KL_THREADS_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

/* A thread in a call: its index among `count` threads. */
typedef struct {
    int index, count;
} kl_thread;

/* What all threads of a call run, each with its own `thread` and the same `arguments`. */
typedef void kl_job(kl_thread *thread, void **arguments);

#define KL_LINE 64        /* Bytes of a cache line: what threads wait for has a line of its own. */
#define KL_SPINS 5000     /* Looks at a barrier before a thread sleeps there: about 0.1 ms. */
#define KL_AWAKE 200000L  /* Nanoseconds that an idle worker spins before it sleeps. */
#define KL_STATIC static __attribute__((unused))

static struct {
    pthread_mutex_t calling;    /* Held for a whole call: callers take turns. */
    pthread_mutex_t sleeping;   /* Held to change `calls`, so that who sees no change can safely sleep. */
    pthread_cond_t called;      /* Signals that `calls` has changed. */
    pthread_t *workers;
    kl_job *job;                /* Of the latest call; none: workers end. */
    void **arguments;
    int count;                  /* Threads, the caller among them. */
    _Alignas(KL_LINE) atomic_uint calls;    /* Calls so far, modulo 2^32. */
    _Alignas(KL_LINE) atomic_int arrived;   /* Threads at the barrier. */
    _Alignas(KL_LINE) atomic_uint passed;   /* Barriers passed so far, modulo 2^32. */
    _Alignas(KL_LINE) atomic_int asleep;    /* Threads that sleep at the barrier. */
    pthread_mutex_t resting;    /* Held to fall asleep at the barrier, and to wake who has. */
    pthread_cond_t released;    /* Signals that `passed` has changed. */
} kl_pool = {
    .calling = PTHREAD_MUTEX_INITIALIZER,
    .sleeping = PTHREAD_MUTEX_INITIALIZER,
    .called = PTHREAD_COND_INITIALIZER,
    .resting = PTHREAD_MUTEX_INITIALIZER,
    .released = PTHREAD_COND_INITIALIZER,
    .count = 1,
};

/* Let a moment pass in a loop that waits. */
static inline void kl_pause(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

/* Sleep until a barrier after the `passed`-th: others need the processor more. */
static void kl_sleep_at_barrier(unsigned passed)
{
    pthread_mutex_lock(&kl_pool.resting);
    atomic_fetch_add(&kl_pool.asleep, 1);
    while (atomic_load(&kl_pool.passed) == passed)
        pthread_cond_wait(&kl_pool.released, &kl_pool.resting);
    atomic_fetch_sub(&kl_pool.asleep, 1);
    pthread_mutex_unlock(&kl_pool.resting);
}

/* Wait until all threads of this call are here; what they wrote before is seen by all behind it. */
KL_STATIC void kl_barrier(kl_thread *thread)
{
    if (thread->count == 1)
        return;
    /* Nobody passes without this thread: the number stands until it has arrived. */
    unsigned passed = atomic_load_explicit(&kl_pool.passed, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&kl_pool.arrived, 1, memory_order_acq_rel) + 1 == thread->count) {
        atomic_store_explicit(&kl_pool.arrived, 0, memory_order_relaxed);
        /* In one order with what sleepers do: either they see the number, or they are seen here. */
        atomic_store(&kl_pool.passed, passed + 1);
        if (atomic_load(&kl_pool.asleep)) {
            pthread_mutex_lock(&kl_pool.resting);
            pthread_cond_broadcast(&kl_pool.released);
            pthread_mutex_unlock(&kl_pool.resting);
        }
        return;
    }
    for (int spins = 0; spins < KL_SPINS; spins++) {
        if (atomic_load_explicit(&kl_pool.passed, memory_order_acquire) != passed)
            return;
        kl_pause();
    }
    kl_sleep_at_barrier(passed);
}

/* The part of 0 to `total` that is this thread's: contiguous, whole units; the last one may be ragged. */
static inline void kl_share(const kl_thread *thread, long total, long unit, long *from, long *to)
{
    long units = (total + unit - 1) / unit;
    *from = units * thread->index / thread->count * unit;
    *to = units * (thread->index + 1) / thread->count * unit;
    *from = *from < total ? *from : total;
    *to = *to < total ? *to : total;
}

static inline long kl_nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* Wait for a call after the `seen`-th: awake for `KL_AWAKE`, then asleep. */
static void kl_await_call(unsigned seen)
{
    long until = kl_nanoseconds() + KL_AWAKE;
    do {
        for (int spins = 0; spins < 64; spins++, kl_pause())
            if (atomic_load_explicit(&kl_pool.calls, memory_order_acquire) != seen)
                return;
    } while (kl_nanoseconds() < until);
    pthread_mutex_lock(&kl_pool.sleeping);
    while (atomic_load_explicit(&kl_pool.calls, memory_order_relaxed) == seen)
        pthread_cond_wait(&kl_pool.called, &kl_pool.sleeping);
    pthread_mutex_unlock(&kl_pool.sleeping);
}

/* Tell the workers of the job and its arguments. */
static void kl_announce(kl_job *job, void **arguments)
{
    kl_pool.job = job;
    kl_pool.arguments = arguments;
    pthread_mutex_lock(&kl_pool.sleeping);
    atomic_fetch_add_explicit(&kl_pool.calls, 1, memory_order_release);
    pthread_cond_broadcast(&kl_pool.called);
    pthread_mutex_unlock(&kl_pool.sleeping);
}

/* What a worker does: each call's job, until there is none. `index` is its thread's. */
static void *kl_work(void *index)
{
    kl_thread thread = {.index = (int)(long)index, .count = kl_pool.count};
    for (unsigned seen = 0;; seen++) {
        kl_await_call(seen);
        kl_job *job = kl_pool.job;
        if (!job)
            return NULL;
        job(&thread, kl_pool.arguments);
        kl_barrier(&thread);
    }
}

/* Run the job by all threads, this one among them; return when all are done. Callers take turns. */
KL_STATIC void kl_call(kl_job *job, void **arguments)
{
    pthread_mutex_lock(&kl_pool.calling);
    kl_thread thread = {.index = 0, .count = kl_pool.count};
    if (thread.count > 1)
        kl_announce(job, arguments);
    job(&thread, arguments);
    kl_barrier(&thread);
    pthread_mutex_unlock(&kl_pool.calling);
}

/* End the first `workers` workers and wait for their ends; `calling` is held. */
static void kl_end(int workers)
{
    kl_announce(NULL, NULL);
    for (int i = 0; i < workers; i++)
        pthread_join(kl_pool.workers[i], NULL);
    free(kl_pool.workers);
    kl_pool.workers = NULL;
    kl_pool.count = 1;
    atomic_store(&kl_pool.calls, 0);
}

/* Have calls run by so many threads. 0, or the number of an error: EINVAL for less than one thread, EBUSY
 * where threads are started already, or why the system gives none. */
KL_STATIC int kl_start(int threads)
{
    if (threads < 1)
        return EINVAL;
    pthread_mutex_lock(&kl_pool.calling);
    int error = kl_pool.workers ? EBUSY : 0, made = 0;
    if (!error && threads > 1) {
        kl_pool.workers = malloc(sizeof *kl_pool.workers * (size_t)(threads - 1));
        kl_pool.count = kl_pool.workers ? threads : 1;
        error = kl_pool.workers ? 0 : ENOMEM;
        for (; !error && made < threads - 1; made += !error)
            error = pthread_create(&kl_pool.workers[made], NULL, kl_work, (void *)(long)(made + 1));
        if (error && kl_pool.workers)
            kl_end(made);
    }
    pthread_mutex_unlock(&kl_pool.calling);
    return error;
}

/* End the workers; calls are then run by their caller alone, until the next start. */
KL_STATIC void kl_stop(void)
{
    pthread_mutex_lock(&kl_pool.calling);
    if (kl_pool.workers)
        kl_end(kl_pool.count - 1);
    pthread_mutex_unlock(&kl_pool.calling);
}

#endif
