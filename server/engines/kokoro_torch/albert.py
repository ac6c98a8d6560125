"""PL-BERT: a small ALBERT over phonemes, one layer's weights used twelve times."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from server.engines.kokoro_torch.shape import Shape

EPSILON = 1e-12


class Albert(nn.Module):
    """Phoneme ids [batch, time] to contexts [batch, time, hidden], under the checkpoint's names."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.layers = shape.bert_layers
        self.embeddings = _Embeddings(shape)
        self.encoder = nn.Module()
        self.encoder.embedding_hidden_mapping_in = nn.Linear(shape.bert_embedding, shape.bert_hidden)
        group = nn.Module()
        group.albert_layers = nn.ModuleList([_Layer(shape)])
        self.encoder.albert_layer_groups = nn.ModuleList([group])

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        allowed = (mask > 0)[:, None]  # [batch, 1, 1, time]: every position attends to the unpadded ones
        x = self.encoder.embedding_hidden_mapping_in(self.embeddings(tokens))
        layer = self.encoder.albert_layer_groups[0].albert_layers[0]
        for _ in range(self.layers):
            x = layer(x, allowed)
        return x


class _Embeddings(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        size = shape.bert_embedding
        self.word_embeddings = nn.Embedding(shape.tokens, size)
        self.position_embeddings = nn.Embedding(shape.context, size)
        self.token_type_embeddings = nn.Embedding(2, size)
        self.LayerNorm = nn.LayerNorm(size, eps=EPSILON)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.word_embeddings(tokens) + self.position_embeddings.weight[: tokens.shape[1]]
        return self.LayerNorm(x + self.token_type_embeddings.weight[0])


class _Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention = _Attention(shape)
        self.ffn = nn.Linear(shape.bert_hidden, shape.bert_inner)
        self.ffn_output = nn.Linear(shape.bert_inner, shape.bert_hidden)
        self.full_layer_layer_norm = nn.LayerNorm(shape.bert_hidden, eps=EPSILON)

    def forward(self, x: Tensor, allowed: Tensor) -> Tensor:
        x = self.attention(x, allowed)
        inner = functional.gelu(self.ffn(x), approximate="tanh")
        return self.full_layer_layer_norm(self.ffn_output(inner) + x)


class _Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        size = shape.bert_hidden
        self.heads = shape.bert_heads
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(size, size)
        self.value = nn.Linear(size, size)
        self.dense = nn.Linear(size, size)
        self.LayerNorm = nn.LayerNorm(size, eps=EPSILON)

    def forward(self, x: Tensor, allowed: Tensor) -> Tensor:
        q, k, v = (
            part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        return self.LayerNorm(x + self.dense(mixed.transpose(1, 2).flatten(2)))
