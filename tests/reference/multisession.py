"""The loss of several sessions, one reference at a time.

Schneider, Lee and Mathis (2023), doi:10.1038/s41586-023-06031-6, Methods, "Multi-session
training": an encoder for each session; each reference sees the negatives of all of them. By time
alone it sees those of its own session.
"""

import torch


def multisession_loss(encoders, sessions, indices, left, right, temperature=1.0, apart=False):
    """The mean of -phi(x, y+) + log sum exp phi(x, y-), with phi the dot product over temperature.

    Args:
        encoders: A function of one window `(1, N, L)` for each session.
        sessions: Activity `(T, N)` of each, tensors.
        indices: Rows that count through all sessions: reference, positive, negative.
        left: Bins of a window before its own.
        right: Bins from its own on.
        temperature: Divides similarities.
        apart: Whether negatives of other sessions are left out.
    """

    def locate(row):
        session = 0
        while row >= len(sessions[session]):
            row -= len(sessions[session])
            session += 1
        return session, row

    def embed(row):
        session, bin_ = locate(row)
        window = sessions[session][bin_ - left : bin_ + right].T[None]
        return encoders[session](window)[0, :, 0]

    reference, positive, negative = (rows.tolist() for rows in indices)
    terms = []
    for i, row in enumerate(reference):
        x = embed(row)
        others = negative[i] if isinstance(negative[i], list) else negative
        if apart:
            others = [other for other in others if locate(other)[0] == locate(row)[0]]
        phi = torch.stack([(x * embed(other)).sum() / temperature for other in others])
        terms.append(phi.exp().sum().log() - (x * embed(positive[i])).sum() / temperature)
    return torch.stack(terms).mean()
