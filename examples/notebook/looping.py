# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What kernel looping gains
#
# A decode step of Llama-3.2-1B on 16 sockets: compile it, time it before and after looping, see where the
# time goes, and ask what if. This file is a script, too: `python looping.py`. As a notebook: `jupytext --to
# ipynb looping.py`.

# %%
import kl

MODEL, SOCKETS = "llama3_2_1b", 16

# %% [markdown]
# ## One call a layer
# At `optimize=1` a kernel holds a layer, and the step calls it 16 times. The text of the model is lowered
# to a schedule of calls; the program that comes of it is timed to the cycle.

# %%
fused = kl.compile(MODEL, sockets=SOCKETS, optimize=1).time()
fused

# %% [markdown]
# Most of the step are launches: a kernel's program is loaded, its arguments, then it starts. Meanwhile the
# memory idles.

# %%
launches = fused.parts["launch"]
busy = fused.parts["memory_full_rate"]
print(f"launches take {launches:.0%} of the step; memory is busy at its full rate for {busy:.0%}")
assert launches > 0.5, "that is what looping is for"

# %% [markdown]
# ## One call for all layers
# The default is to loop: one call walks through the weights of all layers, and those of the next layer
# arrive while this one computes.

# %%
program = kl.compile(MODEL, sockets=SOCKETS)
looped = program.time()
gain = looped.tokens_per_second / fused.tokens_per_second
calls = fused.kernel_calls_per_token, looped.kernel_calls_per_token
print(f"{calls[0]} calls a token become {calls[1]}, and {gain:.1f}x the tokens a second")
looped

# %% [markdown]
# The loop in the IR: the hidden state is carried from layer to layer, the weights are walked through.

# %%
print(next(line for line in program.text("kernel").splitlines() if "kernel.loop" in line)[:120], "…")

# %% [markdown]
# ## All variants side by side
# What else there is to gain: one call of a step, one of eight steps, and weights that stay in SRAM.

# %%
comparison = program.compare()
comparison

# %% [markdown]
# ## The chip, the network, the memory, the passes
# The page that `kl show` writes, in a frame. `page.save("looping.html")` keeps it; it needs nothing else.

# %%
page = program.show()
page

# %% [markdown]
# ## What if?
# The start of a kernel takes 8.5 µs, which is fitted to published measurements, and HBM has 1.8 TB/s, which
# is published. What does looping gain where either is another?

# %%
machines = {
    "as it is": {},
    "kernels start in half the time": {"execute_ns": 4250},
    "half the bandwidth": {"hbm_bandwidth": 0.9e12},
}
for name, machine in machines.items():
    times = [kl.time(MODEL, sockets=SOCKETS, optimize=level, set=machine) for level in (1, 2)]
    one, all_layers = (time.seconds * 1e6 for time in times)
    print(f"{name:<31} fused {one:.0f} µs, looped {all_layers:.0f} µs: {one / all_layers:.2f}x")

# %% [markdown]
# The cheaper a launch beside the work of a layer, the less there is to gain.
#
# ## In numbers
# Looping changes no bit of what a model computes. A small model runs on the simulated machine, four decode
# steps, beside the reference interpreter:

# %%
run = kl.compile("llama3_tiny", sockets=2).run(steps=4, check=True)
assert run.equal
run

# %% [markdown]
# ## What does not fit says so

# %%
try:
    kl.compile("llama3_8b", set={"hbm_bytes": 8e9})
except kl.Error as error:
    print(error)
