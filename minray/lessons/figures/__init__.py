"""What the lessons' pictures and the dashboard draw alike; pure, without Bokeh, in whichever process draws.

- colours: a colour for each function, the same everywhere
- cost_model: what measured times say of a task's overhead, and from which size on a task is worth it
"""
