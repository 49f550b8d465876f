"""Bounded mailboxes."""

from __future__ import annotations

import asyncio

from ser_stream.serving.mailbox import Mailbox


def test_the_oldest_messages_are_dropped_and_counted():
    async def work():
        mailbox = Mailbox(3)
        for number in range(5):
            mailbox.put(str(number))
        mailbox.close()
        mailbox.put("too late")
        return mailbox.dropped, [await mailbox.take() for _ in range(4)]

    assert asyncio.run(work()) == (2, ["2", "3", "4", None])


def test_who_waits_gets_the_next_message_and_the_end():
    async def work():
        mailbox = Mailbox(3)
        waiting = asyncio.create_task(mailbox.take())
        await asyncio.sleep(0)
        mailbox.put(b"sound")
        first = await waiting
        waiting = asyncio.create_task(mailbox.take())
        await asyncio.sleep(0)
        mailbox.close()
        return first, await waiting

    assert asyncio.run(work()) == (b"sound", None)
