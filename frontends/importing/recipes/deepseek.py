"""DeepSeek-V2 and V3, and Kimi K2: latent attention, first dense layers, then experts beside shared ones."""

from __future__ import annotations

from ..experts import Experts, Router, Shared, Sparse
from ..keys import choice, flag, number, whole
from ..recipe import Latent, Recipe, Rope
from .common import ATTENTION_BIAS, sizes
from .experts import TRAINING

SHARED = Shared("mlp.shared_experts", times=whole("n_shared_experts", least=0))
LAYERS = Sparse(
    first=whole("first_k_dense_replace", default=0, least=0),
    period=whole("moe_layer_freq", default=1),
    last=False,
)
FACTOR = number("routed_scaling_factor", default=1.0)
ROPE_DIMS = whole("qk_rope_head_dim", required=True)
LATENT = Latent(bias=ATTENTION_BIAS)
COMMON = {
    "q_lora_rank": 1536,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
}

DEEPSEEK_V2 = Recipe(
    "deepseek_v2",
    attention=LATENT,
    experts=Experts(
        router=Router(
            wide=True,
            groups=choice(
                "topk_method",
                of={"greedy": None, "group_limited_greedy": whole("n_group", required=True)},
                default="greedy",
            ),
            kept=choice(
                "topk_method",
                of={"greedy": None, "group_limited_greedy": whole("topk_group", required=True)},
                default="greedy",
            ),
            factor=FACTOR,
        ),
        layers=LAYERS,
        shared=SHARED,
    ),
    rope=Rope(dims=ROPE_DIMS, interleaved=True),
    defaults=sizes(102400, 4096, 11008, 32, 32, 2048, n_routed_experts=64, n_shared_experts=2, **COMMON)
    | {"moe_intermediate_size": 1407},
    fixed={"norm_topk_prob": (False,), "scoring_func": ("softmax",), "mlp_bias": (False,)},
    harmless=(*TRAINING, "n_group", "topk_group"),
)

DEEPSEEK_V3 = Recipe(
    "deepseek_v3",
    attention=LATENT,
    experts=Experts(
        router=Router(
            scores="sigmoid",
            wide=True,
            correction="mlp.gate.e_score_correction_bias",
            groups=whole("n_group", default=8),
            kept=whole("topk_group", default=4),
            best=2,
            normalised=flag("norm_topk_prob", default=True),
            least_sum=1e-20,
            factor=FACTOR,
        ),
        layers=LAYERS,
        shared=SHARED,
    ),
    rope=Rope(dims=ROPE_DIMS, interleaved=flag("rope_interleave", default=True)),
    more_layers=whole("num_nextn_predict_layers", "num_mtp_layers", least=0),
    defaults=sizes(129280, 7168, 18432, 61, 128, 4096, num_key_value_heads=128, **COMMON)
    | {"n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8}
    | {"moe_intermediate_size": 2048, "first_k_dense_replace": 3, "routed_scaling_factor": 2.5},
    fixed={"scoring_func": ("sigmoid",), "topk_method": ("noaux_tc",)},
    harmless=TRAINING,
    model_types=("kimi_k2",),
)
