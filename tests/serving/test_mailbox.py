"""Bounded mailboxes."""

from __future__ import annotations

import asyncio

from ser_stream.serving.mailbox import MAX_PASSING, Mailbox


async def taken(mailbox):
    """Close a mailbox, and return what is in it."""
    mailbox.close()
    found = []
    while (message := await mailbox.take()) is not None:
        found.append(message)
    return found


def test_the_oldest_messages_are_dropped_and_counted():
    async def work():
        mailbox = Mailbox(3)
        for number in range(5):
            mailbox.put(str(number))
        mailbox.close()
        mailbox.put("too late")
        return mailbox.dropped, await taken(mailbox)

    assert asyncio.run(work()) == (2, ["2", "3", "4"])


def test_passing_messages_are_dropped_before_all_others():
    async def work():
        mailbox = Mailbox(3)
        mailbox.put("estimate 1")
        for number in range(MAX_PASSING + 5):
            mailbox.put(f"status {number}", passing=True)
        mailbox.put("estimate 2")
        return mailbox.dropped, mailbox.dropped_passing, await taken(mailbox)

    statuses = [f"status {number}" for number in range(5, MAX_PASSING + 5)]
    assert asyncio.run(work()) == (0, 5, ["estimate 1", *statuses, "estimate 2"])


def test_messages_that_were_taken_make_room():
    async def work():
        mailbox = Mailbox(1)
        for number in range(3 * MAX_PASSING):
            mailbox.put("status", passing=True)
            mailbox.put(str(number))
            assert await mailbox.take() == "status"
            assert await mailbox.take() == str(number)
        return mailbox.dropped, mailbox.dropped_passing

    assert asyncio.run(work()) == (0, 0)


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
