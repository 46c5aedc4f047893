"""The action that asks the host's context blocks about who is calling."""

from typing import Any

from .. import callers, context_blocks, presenters
from ..context_blocks import Answer, Block, BlockState
from .page import Data, Page, in_thread

__all__ = ["ContextActions"]


class ContextActions(Page):
    """What the host knows about the caller."""

    async def _do_blocks(self, call: str, model: str, objectId: str) -> Data:
        """Tell each block as it comes; the reply says that all of them have come."""
        user, known, record, blocks = await in_thread(self.as_user, _blocks_of, call, model, objectId)

        async def tell(block: Block, answer: Answer) -> None:
            await self.send_message(presenters.present_block(call, objectId, block, answer))

        for block in blocks:
            await tell(block, Answer(state=BlockState.LOADING))
        await context_blocks.stream(blocks, record, user=user, call=known, tell=tell)
        return {"blocks": len(blocks)}


def _blocks_of(user: Any, call_id: str, model: str, object_id: str) -> tuple[Any, Any, Any, list[Block]]:
    call, record = callers.record_of_call(user, call_id, model, object_id)
    return user, call, record, context_blocks.for_record(record, user)
