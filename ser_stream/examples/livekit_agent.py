"""A LiveKit agent whose language model reads how the user sounded.

    pip install 'ser_stream[livekit]'
    python -m ser_stream.examples.livekit_agent dev        # see LiveKit's guide for its variables

Emotions are recognised on this computer. Words and answers come from LiveKit Inference, to which
LiveKit sends the sound and the text: name services of your own in `AgentSession` to avoid that.
"""

from livekit.agents import AgentServer, AgentSession, JobContext, JobProcess, cli

from ser_stream import EmotionEstimate, StreamPool
from ser_stream.integrations.livekit import EmotionAgent
from ser_stream.integrations.user_turns import EXPLANATIONS, PERCEPTION

INSTRUCTIONS = f"You are a kind companion. Answer in one sentence. {EXPLANATIONS[PERCEPTION]}"


class Assistant(EmotionAgent):
    """The emotion needs `EmotionAgent` instead of `Agent`; a shared pool saves loading time."""

    def __init__(self, pool: StreamPool | None = None):
        super().__init__(instructions=INSTRUCTIONS, pool=pool)

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        """Print what is recognised while the user speaks: for a face that follows, for example."""
        print(f"{estimate.end_s:.1f} s: {estimate.expression or '-'}", flush=True)


def prewarm(process: JobProcess) -> None:
    """Load the model before somebody calls."""
    process.userdata["emotions"] = StreamPool()


server = AgentServer(setup_fnc=prewarm)


@server.rtc_session()
async def entrypoint(context: JobContext) -> None:
    session = AgentSession(stt="deepgram/nova-3", llm="openai/gpt-4.1-mini", tts="cartesia/sonic-2")
    assistant = Assistant(context.proc.userdata["emotions"])
    await session.start(agent=assistant, room=context.room)


if __name__ == "__main__":
    cli.run_app(server)
