#include "biplane/nn/published_schemes.h"

namespace biplane {
namespace {

// CLIP (OpenAI, open_clip)
constexpr const char* kClipAnchors[] = {"conv1.weight", "class_embedding",
                                        "transformer.resblocks.0.attn.in_proj_weight"};
constexpr NamingRule kClipRules[] = {{"conv1.weight", "patch_weight"},
                                     {"class_embedding", "class_embedding", Turn::kVector},
                                     {"positional_embedding", "positional_embedding", Turn::kRows},
                                     {"ln_pre.*", "ln_pre.*"},
                                     {"ln_post.*", "ln_post.*"},
                                     {"proj", "projection.weight", Turn::kTranspose},
                                     {"transformer.resblocks.#.*", "blocks.#.*"}};

// CLIP (transformers)
constexpr const char* kLibraryClipAnchors[] = {"embeddings.patch_embedding.weight",
                                               "embeddings.class_embedding"};
constexpr NamingRule kLibraryClipRules[] = {
    {"embeddings.patch_embedding.weight", "patch_weight"},
    {"embeddings.class_embedding", "class_embedding", Turn::kVector},
    {"embeddings.position_embedding.weight", "positional_embedding", Turn::kRows},
    {"pre_layrnorm.*", "ln_pre.*"},
    {"post_layernorm.*", "ln_post.*"},
    {"../visual_projection.weight", "projection.weight"},
    {"encoder.layers.#.layer_norm1.*", "blocks.#.ln_1.*"},
    {"encoder.layers.#.layer_norm2.*", "blocks.#.ln_2.*"},
    {"encoder.layers.#.self_attn.q_proj.*", "blocks.#.attn.q.*"},
    {"encoder.layers.#.self_attn.k_proj.*", "blocks.#.attn.k.*"},
    {"encoder.layers.#.self_attn.v_proj.*", "blocks.#.attn.v.*"},
    {"encoder.layers.#.self_attn.out_proj.*", "blocks.#.attn.out_proj.*"},
    {"encoder.layers.#.mlp.fc1.*", "blocks.#.mlp.c_fc.*"},
    {"encoder.layers.#.mlp.fc2.*", "blocks.#.mlp.c_proj.*"}};

// ViT (timm, MAE, MRM, DINOv2)
constexpr const char* kTimmAnchors[] = {"patch_embed.proj.weight", "cls_token",
                                        "blocks.0.attn.qkv.weight"};
constexpr NamingRule kTimmRules[] = {{"patch_embed.proj.weight", "patch_weight"},
                                     {"patch_embed.proj.bias", "patch_bias"},
                                     {"cls_token", "class_embedding", Turn::kVector},
                                     {"pos_embed", "positional_embedding", Turn::kRows},
                                     {"register_tokens", "registers", Turn::kRows},
                                     {"reg_token", "registers", Turn::kRows},
                                     {"norm.*", "ln_post.*"},
                                     {"fc_norm.*", "ln_post.*"},
                                     {"blocks.#.norm1.*", "blocks.#.ln_1.*"},
                                     {"blocks.#.norm2.*", "blocks.#.ln_2.*"},
                                     {"blocks.#.attn.qkv.weight", "blocks.#.attn.in_proj_weight"},
                                     {"blocks.#.attn.qkv.bias", "blocks.#.attn.in_proj_bias"},
                                     {"blocks.#.attn.proj.*", "blocks.#.attn.out_proj.*"},
                                     {"blocks.#.ls1.gamma", "blocks.#.scale_1"},
                                     {"blocks.#.ls2.gamma", "blocks.#.scale_2"},
                                     {"blocks.#.mlp.fc1.*", "blocks.#.mlp.c_fc.*"},
                                     {"blocks.#.mlp.fc2.*", "blocks.#.mlp.c_proj.*"}};

// ViT, DINOv2 (transformers)
constexpr const char* kLibraryVitAnchors[] = {"embeddings.patch_embeddings.projection.weight",
                                              "embeddings.cls_token",
                                              "encoder.layer.0.attention.attention.query.weight"};
constexpr NamingRule kLibraryVitRules[] = {
    {"embeddings.patch_embeddings.projection.weight", "patch_weight"},
    {"embeddings.patch_embeddings.projection.bias", "patch_bias"},
    {"embeddings.cls_token", "class_embedding", Turn::kVector},
    {"embeddings.position_embeddings", "positional_embedding", Turn::kRows},
    {"embeddings.register_tokens", "registers", Turn::kRows},
    {"layernorm.*", "ln_post.*"},
    {"encoder.layer.#.layernorm_before.*", "blocks.#.ln_1.*"},
    {"encoder.layer.#.layernorm_after.*", "blocks.#.ln_2.*"},
    {"encoder.layer.#.norm1.*", "blocks.#.ln_1.*"},
    {"encoder.layer.#.norm2.*", "blocks.#.ln_2.*"},
    {"encoder.layer.#.attention.attention.query.*", "blocks.#.attn.q.*"},
    {"encoder.layer.#.attention.attention.key.*", "blocks.#.attn.k.*"},
    {"encoder.layer.#.attention.attention.value.*", "blocks.#.attn.v.*"},
    {"encoder.layer.#.attention.output.dense.*", "blocks.#.attn.out_proj.*"},
    {"encoder.layer.#.layer_scale1.lambda1", "blocks.#.scale_1"},
    {"encoder.layer.#.layer_scale2.lambda1", "blocks.#.scale_2"},
    {"encoder.layer.#.intermediate.dense.*", "blocks.#.mlp.c_fc.*"},
    {"encoder.layer.#.output.dense.*", "blocks.#.mlp.c_proj.*"},
    {"encoder.layer.#.mlp.fc1.*", "blocks.#.mlp.c_fc.*"},
    {"encoder.layer.#.mlp.fc2.*", "blocks.#.mlp.c_proj.*"}};

// Swin (transformers)
constexpr const char* kLibrarySwinAnchors[] = {"embeddings.patch_embeddings.projection.weight",
                                               "encoder.layers.0.blocks.0.layernorm_before.weight"};
constexpr NamingRule kLibrarySwinRules[] = {
    {"embeddings.patch_embeddings.projection.weight", "patch_weight"},
    {"embeddings.patch_embeddings.projection.bias", "patch_bias"},
    {"embeddings.norm.*", "ln_embed.*"},
    {"layernorm.*", "ln_post.*"},
    {"encoder.layers.#.downsample.*", "stages.#.downsample.*"},
    {"encoder.layers.#.blocks.#.layernorm_before.*", "stages.#.blocks.#.ln_1.*"},
    {"encoder.layers.#.blocks.#.layernorm_after.*", "stages.#.blocks.#.ln_2.*"},
    {"encoder.layers.#.blocks.#.attention.self.query.*", "stages.#.blocks.#.attn.q.*"},
    {"encoder.layers.#.blocks.#.attention.self.key.*", "stages.#.blocks.#.attn.k.*"},
    {"encoder.layers.#.blocks.#.attention.self.value.*", "stages.#.blocks.#.attn.v.*"},
    {"encoder.layers.#.blocks.#.attention.self.relative_position_bias_table",
     "stages.#.blocks.#.relative_position_bias"},
    {"encoder.layers.#.blocks.#.attention.output.dense.*", "stages.#.blocks.#.attn.out_proj.*"},
    {"encoder.layers.#.blocks.#.intermediate.dense.*", "stages.#.blocks.#.mlp.c_fc.*"},
    {"encoder.layers.#.blocks.#.output.dense.*", "stages.#.blocks.#.mlp.c_proj.*"},
    // The names that newer versions of transformers use in memory.
    {"encoder.layers.#.blocks.#.attention.q_proj.*", "stages.#.blocks.#.attn.q.*"},
    {"encoder.layers.#.blocks.#.attention.k_proj.*", "stages.#.blocks.#.attn.k.*"},
    {"encoder.layers.#.blocks.#.attention.v_proj.*", "stages.#.blocks.#.attn.v.*"},
    {"encoder.layers.#.blocks.#.attention.o_proj.*", "stages.#.blocks.#.attn.out_proj.*"},
    {"encoder.layers.#.blocks.#.attention.relative_position_bias.relative_position_bias_table",
     "stages.#.blocks.#.relative_position_bias"},
    {"encoder.layers.#.blocks.#.mlp.fc1.*", "stages.#.blocks.#.mlp.c_fc.*"},
    {"encoder.layers.#.blocks.#.mlp.fc2.*", "stages.#.blocks.#.mlp.c_proj.*"}};

// Swin (original, timm)
constexpr const char* kSwinAnchors[] = {"patch_embed.proj.weight",
                                        "layers.0.blocks.0.attn.qkv.weight"};
constexpr NamingRule kSwinRules[] = {
    {"patch_embed.proj.weight", "patch_weight"},
    {"patch_embed.proj.bias", "patch_bias"},
    {"patch_embed.norm.*", "ln_embed.*"},
    {"norm.*", "ln_post.*"},
    {"layers.#.downsample.*", "stages.#.downsample.*"},
    {"layers.#.blocks.#.norm1.*", "stages.#.blocks.#.ln_1.*"},
    {"layers.#.blocks.#.norm2.*", "stages.#.blocks.#.ln_2.*"},
    {"layers.#.blocks.#.attn.qkv.weight", "stages.#.blocks.#.attn.in_proj_weight"},
    {"layers.#.blocks.#.attn.qkv.bias", "stages.#.blocks.#.attn.in_proj_bias"},
    {"layers.#.blocks.#.attn.relative_position_bias_table",
     "stages.#.blocks.#.relative_position_bias"},
    {"layers.#.blocks.#.attn.proj.*", "stages.#.blocks.#.attn.out_proj.*"},
    {"layers.#.blocks.#.mlp.fc1.*", "stages.#.blocks.#.mlp.c_fc.*"},
    {"layers.#.blocks.#.mlp.fc2.*", "stages.#.blocks.#.mlp.c_proj.*"}};

// BERT (transformers)
constexpr const char* kBertAnchors[] = {"embeddings.word_embeddings.weight",
                                        "encoder.layer.0.attention.self.query.weight"};
constexpr NamingRule kBertRules[] = {
    {"embeddings.word_embeddings.weight", "word_embeddings"},
    {"embeddings.position_embeddings.weight", "position_embeddings"},
    {"embeddings.token_type_embeddings.weight", "token_type_embeddings"},
    {"embeddings.LayerNorm.*", "ln_embeddings.*"},
    {"../text_projection", "projection.weight", Turn::kTranspose},
    {"encoder.layer.#.attention.self.query.*", "blocks.#.attn.q.*"},
    {"encoder.layer.#.attention.self.key.*", "blocks.#.attn.k.*"},
    {"encoder.layer.#.attention.self.value.*", "blocks.#.attn.v.*"},
    {"encoder.layer.#.attention.output.dense.*", "blocks.#.attn.out_proj.*"},
    {"encoder.layer.#.attention.output.LayerNorm.*", "blocks.#.ln_1.*"},
    {"encoder.layer.#.intermediate.dense.*", "blocks.#.mlp.c_fc.*"},
    {"encoder.layer.#.output.dense.*", "blocks.#.mlp.c_proj.*"},
    {"encoder.layer.#.output.LayerNorm.*", "blocks.#.ln_2.*"}};

constexpr NamingScheme kSchemes[] = {
    {"CLIP (OpenAI, open_clip)", "vit", "clip", kClipAnchors, kClipRules},
    {"CLIP (transformers)", "vit", "clip", kLibraryClipAnchors, kLibraryClipRules},
    {"ViT (timm, MAE, MRM, DINOv2)", "vit", "timm", kTimmAnchors, kTimmRules},
    {"ViT, DINOv2 (transformers)", "vit", "timm", kLibraryVitAnchors, kLibraryVitRules},
    {"Swin (transformers)", "swin", "", kLibrarySwinAnchors, kLibrarySwinRules},
    {"Swin (original, timm)", "swin", "", kSwinAnchors, kSwinRules},
    {"BERT (transformers)", "bert", "", kBertAnchors, kBertRules},
};

}  // namespace

std::span<const NamingScheme> naming_schemes() { return kSchemes; }

}  // namespace biplane
