"""Do language models cooperate because they recognise that the other player reasons as they do?"""
