// error: 2:38: this string is not closed in its line
nn.weight @w : tensor<8x8xbf16> from "model.layers.0.self_attn.q_proj.weight.of.a.very.long.name
