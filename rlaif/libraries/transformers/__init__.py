"""The one place that knows what is private, undocumented or moving in transformers; one concept a file.

What a model can do is tried on the model, never read off a signature.
"""

from rlaif.libraries.transformers.attention import (
    attention_of,
    register_attention,
    set_attention,
    usual_attention,
)
from rlaif.libraries.transformers.cache import (
    CACHE_NAMES,
    MISFITS,
    cache_argument,
    crop_columns,
    join_rows,
    new_cache,
    only_attends,
    select_rows,
    with_cache,
)
from rlaif.libraries.transformers.configuration import (
    architectures,
    classifies,
    context_of,
    embedded_tokens,
    end_ids_of,
    is_encoder,
    is_four_bit,
    is_four_bit_checkpoint,
    load_config,
    set_padding,
    text_config,
)
from rlaif.libraries.transformers.loading import (
    load_causal,
    load_classifier,
    load_in_four_bits,
    load_tokenizer,
    new_score_head,
)
from rlaif.libraries.transformers.messages import quiet, said_by
from rlaif.libraries.transformers.randomness import checkpoint_gradients, drops_unseen, written_as_it_was
from rlaif.libraries.transformers.rotary import forget_lengths, of_one_pass, read_rows, rope_switch
from rlaif.libraries.transformers.trial import library_changed, plain_model
from rlaif.libraries.transformers_templates import chat_template
from rlaif.libraries.versions import importing

with importing("transformers"):
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

__all__ = [
    "CACHE_NAMES",
    "MISFITS",
    "LlamaConfig",
    "LlamaForCausalLM",
    "PreTrainedTokenizerFast",
    "architectures",
    "attention_of",
    "cache_argument",
    "chat_template",
    "checkpoint_gradients",
    "classifies",
    "context_of",
    "crop_columns",
    "drops_unseen",
    "embedded_tokens",
    "end_ids_of",
    "forget_lengths",
    "is_encoder",
    "is_four_bit",
    "is_four_bit_checkpoint",
    "join_rows",
    "library_changed",
    "load_causal",
    "load_classifier",
    "load_config",
    "load_in_four_bits",
    "load_tokenizer",
    "new_cache",
    "new_score_head",
    "of_one_pass",
    "only_attends",
    "plain_model",
    "quiet",
    "read_rows",
    "register_attention",
    "rope_switch",
    "said_by",
    "select_rows",
    "set_attention",
    "set_padding",
    "text_config",
    "usual_attention",
    "with_cache",
    "written_as_it_was",
]
